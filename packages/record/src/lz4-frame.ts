/**
 * LZ4 frames (lz4_Frame_format.md 1.6) around the block functions of `lz4-napi`. The library's own frame reader has no
 * limit on its output and is never called.
 *
 * Accepts one frame with independent blocks, any block size, with or without checksums and content size. Refuses, as
 * Kafka's own reader does, linked blocks and dictionaries: other consumers of the topic could not read them.
 */
import type { BatchError } from './batch-error.ts'
import { batchError, isBatchError } from './batch-error.ts'
import type { Lz4Library } from './optional-codec.ts'
import { lz4 } from './optional-codec.ts'
import { xxhash32 } from './xxhash32.ts'

const MAGIC = 0x184d2204
/** What Kafka's clients write: version 1, independent blocks of at most 64 KiB, no checksums but the header's. */
const WRITTEN_FLAGS = 0x60
const WRITTEN_BLOCK_DESCRIPTOR = 0x40
const WRITTEN_BLOCK_BYTES = 64 * 1024
const STORED_BLOCK = 0x80000000
/** One byte of a compressed block stands for at most this many. */
const MAX_RATIO = 255

const Flag = {
  versionMask: 0xc0,
  version1: 0x40,
  independentBlocks: 0x20,
  blockChecksum: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  reserved: 0x02,
  dictionary: 0x01,
} as const

interface FrameHeader {
  readonly blockBytesMax: number
  readonly hasBlockChecksum: boolean
  readonly hasContentChecksum: boolean
  readonly contentBytes: number | null
  readonly end: number
}

/** @throws UnsupportedCompressionError */
export function compressLz4Frame(bytes: Uint8Array): Buffer {
  const library = lz4()
  const parts: Buffer[] = [frameHeader()]
  for (let start = 0; start < bytes.length; start += WRITTEN_BLOCK_BYTES) {
    const block = bytes.subarray(start, start + WRITTEN_BLOCK_BYTES)
    // The library's own size prefix has the width of the frame's block size and is overwritten by it.
    const packed = library.compressSync(block)
    if (packed.length - 4 < block.length) {
      packed.writeUInt32LE(packed.length - 4, 0)
      parts.push(packed)
    } else {
      const stored = Buffer.allocUnsafe(4 + block.length)
      stored.writeUInt32LE((STORED_BLOCK | block.length) >>> 0, 0)
      stored.set(block, 4)
      parts.push(stored)
    }
  }
  parts.push(Buffer.alloc(4))
  return Buffer.concat(parts)
}

/** Never holds more than `maxOutputBytes` and one block. @throws UnsupportedCompressionError */
export function decompressLz4Frame(bytes: Buffer, maxOutputBytes: number): Buffer | BatchError {
  const library = lz4()
  const header = readHeader(bytes)
  if (isBatchError(header)) return header
  if (header.contentBytes !== null && header.contentBytes > maxOutputBytes) return tooLarge(maxOutputBytes)
  const blocks: Buffer[] = []
  let outputBytes = 0
  let at = header.end
  for (;;) {
    if (bytes.length - at < 4) return corrupt('the frame ends without an end mark')
    const field = bytes.readUInt32LE(at)
    at += 4
    if (field === 0) break
    const size = field & 0x7fffffff
    const checksumBytes = header.hasBlockChecksum ? 4 : 0
    if (size > header.blockBytesMax || size + checksumBytes > bytes.length - at)
      return corrupt('a block is cut off')
    if (header.hasBlockChecksum && bytes.readUInt32LE(at + size) !== xxhash32(bytes, at, at + size)) {
      return corrupt('a block has a wrong checksum')
    }
    const packed = bytes.subarray(at, at + size)
    const block = field >= STORED_BLOCK ? packed : inflate(library, packed, header.blockBytesMax)
    if (block === null) return corrupt('a block cannot be decompressed')
    outputBytes += block.length
    if (outputBytes > maxOutputBytes) return tooLarge(maxOutputBytes)
    blocks.push(block)
    at += size + checksumBytes
  }
  const output = blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks, outputBytes)
  return checkEnd(bytes, at, header, output) ?? output
}

function frameHeader(): Buffer {
  const header = Buffer.alloc(7)
  header.writeUInt32LE(MAGIC, 0)
  header[4] = WRITTEN_FLAGS
  header[5] = WRITTEN_BLOCK_DESCRIPTOR
  header[6] = (xxhash32(header, 4, 6) >>> 8) & 0xff
  return header
}

function readHeader(bytes: Buffer): FrameHeader | BatchError {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) return corrupt('no frame header')
  const flags = bytes[4]!
  const blockSizeId = bytes[5]! >>> 4
  if ((flags & Flag.versionMask) !== Flag.version1 || (flags & Flag.reserved) !== 0)
    return corrupt('unknown frame version')
  if ((flags & Flag.independentBlocks) === 0) return corrupt('linked blocks, which Kafka does not allow')
  if ((flags & Flag.dictionary) !== 0) return corrupt('a dictionary, which Kafka does not allow')
  if (blockSizeId < 4 || blockSizeId > 7 || (bytes[5]! & 0x0f) !== 0) return corrupt('unknown block size')
  const hasContentSize = (flags & Flag.contentSize) !== 0
  const checksumAt = hasContentSize ? 14 : 6
  if (bytes.length <= checksumAt) return corrupt('the frame header is cut off')
  if (bytes[checksumAt] !== ((xxhash32(bytes, 4, checksumAt) >>> 8) & 0xff))
    return corrupt('wrong header checksum')
  return {
    blockBytesMax: 1 << (8 + 2 * blockSizeId),
    hasBlockChecksum: (flags & Flag.blockChecksum) !== 0,
    hasContentChecksum: (flags & Flag.contentChecksum) !== 0,
    contentBytes: hasContentSize ? bytes.readUInt32LE(6) + bytes.readUInt32LE(10) * 2 ** 32 : null,
    end: checksumAt + 1,
  }
}

function inflate(library: Lz4Library, packed: Buffer, blockBytesMax: number): Buffer | null {
  const input = Buffer.allocUnsafe(4 + packed.length)
  input.writeUInt32LE(Math.min(blockBytesMax, packed.length * MAX_RATIO), 0)
  input.set(packed, 4)
  try {
    return library.uncompressSync(input)
  } catch {
    // Whatever the library says, the block is not one.
    return null
  }
}

function checkEnd(bytes: Buffer, at: number, header: FrameHeader, output: Buffer): BatchError | null {
  if (header.contentBytes !== null && header.contentBytes !== output.length)
    return corrupt('wrong content size')
  if (bytes.length - at !== (header.hasContentChecksum ? 4 : 0)) return corrupt('bytes behind the frame')
  if (header.hasContentChecksum && bytes.readUInt32LE(at) !== xxhash32(output))
    return corrupt('wrong content checksum')
  return null
}

function corrupt(problem: string): BatchError {
  return batchError('corrupt', `lz4: ${problem}`)
}

function tooLarge(maxOutputBytes: number): BatchError {
  return batchError('too-large', `lz4: more than ${maxOutputBytes} bytes when decompressed`)
}
