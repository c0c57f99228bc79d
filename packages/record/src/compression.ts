/**
 * The compression of a batch's records, for all types of Kafka. Every decompression has a cap on its output, and
 * memory follows what was really produced, not what the input declares.
 */
import { asBuffer } from '@millrace/base'
import type { BatchError } from './batch-error.ts'
import { batchError } from './batch-error.ts'
import { CompressionType } from './compression-type.ts'
import { compressLz4Frame, decompressLz4Frame } from './lz4-frame.ts'
import { compressionProblem, zlib } from './optional-codec.ts'
import { compressSnappy, decompressSnappy } from './snappy-framing.ts'

/** A zstd frame may ask for a window of this size whatever the cap: what level 19 of any client needs. */
const ZSTD_WINDOW_LOG_MIN = 23
const ZSTD_WINDOW_LOG_MAX = 27

/**
 * @param level of gzip (1 to 9, by default 6) and zstd (1 to 22, by default 3); the others have none
 * @throws UnsupportedCompressionError where the library is missing: ask `compressionProblem` beforehand
 */
export function compress(type: CompressionType, bytes: Uint8Array, level?: number): Buffer {
  switch (type) {
    case CompressionType.none:
      return asBuffer(bytes)
    case CompressionType.gzip:
      return zlib().gzipSync(bytes, level === undefined ? {} : { level })
    case CompressionType.snappy:
      return compressSnappy(bytes)
    case CompressionType.lz4:
      return compressLz4Frame(bytes)
    case CompressionType.zstd: {
      const { zstdCompressSync, constants } = zlib()
      return zstdCompressSync(
        bytes,
        level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } },
      )
    }
  }
}

/**
 * @param type the lowest three bits of a batch's attributes; unknown ones are answered, not thrown
 * @returns the records' bytes; of type none: the same memory
 */
export function decompress(type: number, bytes: Uint8Array, maxOutputBytes: number): Buffer | BatchError {
  const problem = compressionProblem(type)
  if (problem !== null) return batchError('unsupported-compression', problem)
  const input = asBuffer(bytes)
  switch (type as CompressionType) {
    case CompressionType.none:
      return input.length > maxOutputBytes ? tooLarge('batch', maxOutputBytes) : input
    case CompressionType.gzip:
      return decompressGzip(input, maxOutputBytes)
    case CompressionType.snappy:
      return decompressSnappy(input, maxOutputBytes)
    case CompressionType.lz4:
      return decompressLz4Frame(input, maxOutputBytes)
    case CompressionType.zstd:
      return decompressZstd(input, maxOutputBytes)
  }
}

function decompressGzip(input: Buffer, maxOutputBytes: number): Buffer | BatchError {
  try {
    return zlib().gunzipSync(input, { maxOutputLength: maxOutputBytes, chunkSize: chunkBytes(input) })
  } catch (error) {
    return zlibError('gzip', error, maxOutputBytes)
  }
}

function decompressZstd(input: Buffer, maxOutputBytes: number): Buffer | BatchError {
  const { zstdDecompressSync, constants } = zlib()
  const needed = Math.ceil(Math.log2(maxOutputBytes))
  const windowLog = Math.min(Math.max(needed, ZSTD_WINDOW_LOG_MIN), ZSTD_WINDOW_LOG_MAX)
  try {
    return zstdDecompressSync(input, {
      maxOutputLength: maxOutputBytes,
      chunkSize: chunkBytes(input),
      params: { [constants.ZSTD_d_windowLogMax]: windowLog },
    })
  } catch (error) {
    return zlibError('zstd', error, maxOutputBytes)
  }
}

/** Node collects output in pieces of this size: large enough for one or two, small enough for a bomb. */
function chunkBytes(input: Buffer): number {
  return Math.min(Math.max(16 * 1024, 4 * input.length), 1024 * 1024)
}

function zlibError(codec: string, error: unknown, maxOutputBytes: number): BatchError {
  if (!(error instanceof Error)) throw error
  if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(codec, maxOutputBytes)
  return batchError('corrupt', `${codec}: ${error.message}`)
}

function tooLarge(what: string, maxOutputBytes: number): BatchError {
  return batchError('too-large', `${what}: more than ${maxOutputBytes} bytes when decompressed`)
}
