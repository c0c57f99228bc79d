/**
 * 128-bit ids (topics, directories, incarnations) in Kafka's text form: 22 characters of URL-safe base64 without
 * padding. Held as strings so that they can be keys of a `Map`.
 */
import { assert } from './assert.ts'
import type { Brand } from './brand.ts'
import type { Entropy } from './env.ts'

export type Uuid = Brand<string, 'Uuid'>

export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA' as Uuid

export function uuidFromBytes(bytes: Uint8Array): Uuid {
  assert(bytes.length === 16, `a uuid has 16 bytes, not ${bytes.length}`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('base64url') as Uuid
}

export function uuidToBytes(uuid: Uuid): Buffer {
  return Buffer.from(uuid, 'base64url')
}

/** @returns the id, or null when the text is not one */
export function parseUuid(text: string): Uuid | null {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length === 16 && bytes.toString('base64url') === text ? (text as Uuid) : null
}

/** Version 4 (random). Never starts with a dash, as Kafka's don't, so that it is safe on a command line. */
export function randomUuid(entropy: Entropy): Uuid {
  for (;;) {
    const bytes = entropy.bytes(16)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const uuid = uuidFromBytes(bytes)
    if (!uuid.startsWith('-')) return uuid
  }
}
