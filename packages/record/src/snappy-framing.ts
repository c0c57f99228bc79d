/**
 * Snappy as Kafka has it. Written in the framing of xerial's snappy-java, which every client reads: an 8-byte magic,
 * two versions, then chunks of int32 length and raw snappy. Read in that framing, or as one raw snappy block, which is
 * what librdkafka and franz-go send.
 */
import type { BatchError } from './batch-error.ts'
import { batchError } from './batch-error.ts'
import type { SnappyLibrary } from './optional-codec.ts'
import { snappy } from './optional-codec.ts'

const MAGIC = Buffer.from('82534e4150505900', 'hex')
const HEADER_BYTES = 16
const WRITTEN_CHUNK_BYTES = 32 * 1024
/** The densest element of a block, a copy, makes 64 bytes of 3. */
const MAX_RATIO = 64 / 3

/** @throws UnsupportedCompressionError */
export function compressSnappy(bytes: Uint8Array): Buffer {
  const library = snappy()
  const header = Buffer.alloc(HEADER_BYTES)
  header.set(MAGIC)
  header.writeInt32BE(1, 8)
  header.writeInt32BE(1, 12)
  const parts: Buffer[] = [header]
  for (let start = 0; start < bytes.length; start += WRITTEN_CHUNK_BYTES) {
    const chunk = library.compressSync(bytes.subarray(start, start + WRITTEN_CHUNK_BYTES))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(chunk.length, 0)
    parts.push(length, chunk)
  }
  return Buffer.concat(parts)
}

/** Allocates by the output that the input can really hold, never by a declared size. @throws UnsupportedCompressionError */
export function decompressSnappy(bytes: Buffer, maxOutputBytes: number): Buffer | BatchError {
  const library = snappy()
  if (bytes.length < HEADER_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) {
    return decompressBlock(library, bytes, maxOutputBytes)
  }
  const chunks: Buffer[] = []
  let outputBytes = 0
  let at = HEADER_BYTES
  while (at < bytes.length) {
    if (bytes.length - at < 4) return corrupt('a chunk is cut off')
    const size = bytes.readInt32BE(at)
    at += 4
    if (size <= 0 || size > bytes.length - at) return corrupt('a chunk is cut off')
    const chunk = decompressBlock(library, bytes.subarray(at, at + size), maxOutputBytes - outputBytes)
    if (!Buffer.isBuffer(chunk)) return chunk
    outputBytes += chunk.length
    chunks.push(chunk)
    at += size
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, outputBytes)
}

function decompressBlock(library: SnappyLibrary, block: Buffer, maxOutputBytes: number): Buffer | BatchError {
  const size = declaredSize(block)
  if (size === null || size > block.length * MAX_RATIO)
    return corrupt('a block declares a size that it cannot have')
  if (size > maxOutputBytes) {
    return batchError('too-large', `snappy: ${size - maxOutputBytes} bytes too many when decompressed`)
  }
  try {
    return library.uncompressSync(block)
  } catch {
    // Whatever the library says, the block is not one.
    return corrupt('a block cannot be decompressed')
  }
}

/** The uncompressed length in front of a block: an unsigned varint below 2^32. */
function declaredSize(block: Buffer): number | null {
  let size = 0
  for (let index = 0; index < 5 && index < block.length; index++) {
    const byte = block[index]!
    size += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return size
  }
  return null
}

function corrupt(problem: string): BatchError {
  return batchError('corrupt', `snappy: ${problem}`)
}
