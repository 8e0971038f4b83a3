export function* decodeMotionSegment() { throw new Error('later'); }
