/**
 * Big-endian integers as Kafka's formats have them. A 64-bit integer is read as a `number`: offsets, timestamps and
 * producer ids stay below 2^53, and no `bigint` is ever made on a hot path.
 */
const TWO_32 = 2 ** 32

/** Signed 64-bit integer; loses precision beyond ±2^53, which callers that take it from a peer must check. */
export function readInt64(bytes: Buffer, position: number): number {
  return bytes.readInt32BE(position) * TWO_32 + bytes.readUInt32BE(position + 4)
}

export function writeInt64(bytes: Buffer, value: number, position: number): void {
  const high = Math.floor(value / TWO_32)
  bytes.writeInt32BE(high, position)
  bytes.writeUInt32BE(value - high * TWO_32, position + 4)
}

/** The same memory as a `Buffer`, without copying. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A copy that owns its memory: safe to retain, to post to a thread and to transfer. */
export function ownedCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
