import { PassThrough } from 'node:stream'
import type { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { acceptedSocket } from '../../src/node/on-read.ts'

it("a socket that hides its handle is read through 'data' events, and not before it is resumed", async () => {
  const stream = new PassThrough()
  const received: string[] = []
  const onRead = {
    buffer: Buffer.alloc(16),
    callback(bytes: number, buffer: Uint8Array) {
      received.push(Buffer.from(buffer.subarray(0, bytes)).toString())
      return true
    },
  }
  const socket = acceptedSocket(stream as unknown as Socket, onRead)
  expect(socket).toBe(stream)
  stream.write('first')
  await new Promise(setImmediate)
  expect(received).toEqual([])
  socket.resume()
  await new Promise(setImmediate)
  expect(received).toEqual(['first'])
})
