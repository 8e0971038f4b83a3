// Section 7.8: the numbers of the tables of vectors and splits in the hybrid profile, where they are not coded; data.

export const VECTOR_SCALE_DEFAULTS = [
  8, 5, 10, 18, 31, 5, 12, 18, 31, 4, 10, 19, 30,
  6, 4, 7, 15, 27, 4, 10, 20, 29, 3, 7, 17, 29,
];

export const SPLIT_DEFAULTS = [22, 32, 42, 4, 25, 44, 12, 26, 34, 38, 47, 50, 45, 46, 47];

export const SPLIT_SCALE_DEFAULT = 28;
