// Section 1, "refuse": one class per cause. Each message is one line that says what is wrong and where.

export class MsnError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** The file header is none of this format or version (3.1, 3.7). */
export class HeaderError extends MsnError {}
/** A payload ends early, goes on too long, or an alignment bit is set (2.3, 3.2). */
export class PayloadError extends MsnError {}
/** A coded value is outside its range (5), or beyond a cap (3.6). */
export class ValueError extends MsnError {}
/** A unit that is needed is not in the file. */
export class UnitMissing extends MsnError {}
/** A unit's CRC or its header against the index is wrong (3.2, 3.5), or a key occurs twice. */
export class UnitError extends MsnError {}
/** The entropy-coded words are malformed or fail the end check (7.4). */
export class EntropyError extends MsnError {}
/** A network breaks the bound of 6.1, or does not fit its base model (5.3.2). */
export class NetworkError extends MsnError {}
/** --verify: a picture's digest differs (9). */
export class DigestError extends MsnError {}
/** --verify: the file has no digest to compare with (9). */
export class DigestMissing extends DigestError {}
/** The caller asked for something that there is not. */
export class RequestError extends MsnError {}
