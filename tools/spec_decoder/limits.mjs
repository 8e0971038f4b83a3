// Section 3.6: caps. Those of single fields stand beside the fields; these concern more than one place.

export const MAX_SIDE = 8192;
export const MAX_PICTURES = 2 ** 24;
export const MAX_UNITS = 2 ** 22;
export const MAX_PAYLOAD = 2 ** 28;
export const MAX_GOP_LENGTH = [1024, 64, 64]; // by profile
export const MAX_OPEN_GOPS = 1024;
export const MAX_NODES = 2 ** 25;
export const MAX_LATENTS = 2 ** 26;
