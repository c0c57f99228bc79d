/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of record batches. Not CRC-32: `zlib.crc32`
 * computes another polynomial.
 *
 * Small inputs go through a table in JavaScript (slicing by 8), large ones through `@node-rs/crc32`, whose call costs
 * more than it saves below `NATIVE_MIN_BYTES`. Where the native part is missing, the table does everything.
 */
import { loadNativeModule } from './native-module.ts'

type NativeCrc32c = (bytes: Uint8Array, initial?: number) => number

const POLYNOMIAL = 0x82f63b78
const NATIVE_MIN_BYTES = 256

/** Eight tables of 256, in one array; signed so that no entry becomes a double. Built on first use. */
let tables: Int32Array | undefined
/** undefined: not looked for yet, so that importing this module stays free. */
let native: NativeCrc32c | null | undefined

/** @returns the checksum of `bytes[start, end)`, unsigned */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start >= NATIVE_MIN_BYTES) {
    if (native === undefined) native = loadNative()
    if (native !== null) {
      return native(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
    }
  }
  return crc32cByTable(bytes, start, end)
}

/** The same without native code. */
export function crc32cByTable(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const t = (tables ??= buildTables())
  let crc = -1
  let at = start
  for (const last = end - 8; at <= last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = t[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Entry `256 k + i` is the checksum of byte `i` followed by `k` zero bytes. */
function buildTables(): Int32Array {
  const built = new Int32Array(8 * 256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    built[i] = crc
  }
  for (let i = 256; i < built.length; i++) {
    const previous = built[i - 256]!
    built[i] = built[previous & 0xff]! ^ (previous >>> 8)
  }
  return built
}

function loadNative(): NativeCrc32c | null {
  try {
    return (loadNativeModule('@node-rs/crc32', import.meta.url) as { crc32c: NativeCrc32c }).crc32c
  } catch {
    // An optional dependency: left out at installation, or without a binary for this platform.
    return null
  }
}
