/**
 * Where the compression libraries come from, each loaded on its first use: importing this package stays cheap, and a
 * program that never compresses pays nothing. gzip and zstd are part of Node; `snappy` and `lz4-napi` are optional
 * dependencies that may be missing.
 */
import { loadNativeModule } from '@millrace/base'
import type { CompressionType } from './compression-type.ts'
import { compressionName } from './compression-type.ts'

export interface SnappyLibrary {
  compressSync(bytes: Uint8Array): Buffer
  uncompressSync(bytes: Uint8Array): Buffer
}

/** Raw LZ4 blocks behind a little-endian uint32: the decompressed size, which bounds the output. */
export interface Lz4Library {
  compressSync(bytes: Uint8Array): Buffer
  uncompressSync(bytes: Uint8Array): Buffer
}

/** The batch needs a codec that is not installed here, or that nobody knows. */
export class UnsupportedCompressionError extends Error {
  override readonly name = 'UnsupportedCompressionError'
}

type Loaded<Library> = { readonly library: Library } | { readonly problem: string }

const loaded = new Map<string, Loaded<unknown>>()

export const zlib = (): typeof import('node:zlib') => load<typeof import('node:zlib')>('node:zlib')
export const snappy = (): SnappyLibrary => load<SnappyLibrary>('snappy')
export const lz4 = (): Lz4Library => load<Lz4Library>('lz4-napi')

const LIBRARIES = { 1: 'node:zlib', 2: 'snappy', 3: 'lz4-napi', 4: 'node:zlib' } as const

/** @returns null when batches of this type can be made and read here, otherwise what to do about it */
export function compressionProblem(type: number): string | null {
  if (type === 0) return null
  if (compressionName(type) === null) return `unknown compression type ${type}`
  const found = find(LIBRARIES[type as Exclude<CompressionType, 0>])
  return 'problem' in found ? found.problem : null
}

/** @throws UnsupportedCompressionError */
function load<Library>(name: string): Library {
  const found = find(name)
  if ('problem' in found) throw new UnsupportedCompressionError(found.problem)
  return found.library as Library
}

function find(name: string): Loaded<unknown> {
  let found = loaded.get(name)
  if (found === undefined) {
    try {
      found = { library: loadNativeModule(name, import.meta.url) }
    } catch (error) {
      // Not installed, or no binary for this platform: what the loader says is all there is to know.
      const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
      found = { problem: `the optional package ${name} is needed: npm install ${name} (${reason})` }
    }
    loaded.set(name, found)
  }
  return found
}
