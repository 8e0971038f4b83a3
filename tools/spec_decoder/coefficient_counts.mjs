// Section 5.9: how many tables there are.

export const SETS = 3;
export const CODED_LEVELS = 4; // levels 0..3 have bands
export const MINOR_OF_PREDICTIONS = 8; // the first version_minor whose coefficients section 7.7 codes, not 7.12

/** By level. */
const COUNTS = { binary: [44, 44, 61, 13], value: [12, 12, 10, 13] };
const COUNTS_OF_7 = { binary: [37, 37, 29, 5], value: [3, 3, 3, 3] };

/** {binary, value}: B_l and V_l by l. */
export const tableCounts = (version_minor) => (version_minor >= MINOR_OF_PREDICTIONS ? COUNTS : COUNTS_OF_7);
