// Section 5.9: how many tables there are.

export const SETS = 3;
export const CODED_LEVELS = 4; // levels 0..3 have bands
export const BINARY_TABLES_OF_LEVEL = [37, 37, 29, 5]; // B_l
export const VALUE_TABLES = 3;
