import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeTimers } from '@millrace/base/node'
import { threadPort } from '../../src/node/thread-port.ts'
import { Calls, Moved, PortClosedError, RemoteError } from '../../src/thread/calls.ts'
import type { Port } from '../../src/thread/port.ts'

interface Adder {
  add(numbers: readonly [number, number]): number
  fill(bytes: number): Uint8Array
  fail(code: string): void
  never(argument: undefined): void
}
interface Nothing {
  nothing(argument: undefined): void
}

const open: Calls<Adder, Nothing>[] = []
afterEach(() => {
  for (const calls of open.splice(0)) calls.close()
})

function joined() {
  const { port1, port2 } = new MessageChannel()
  const messages: unknown[] = []
  const counting: Port = {
    ...threadPort(port1),
    post: (message, transfer) => {
      messages.push(message)
      port1.postMessage(message, transfer)
    },
  }
  const handed: Uint8Array[] = []
  const near = new Calls<Adder, Nothing>(counting, nodeTimers, { nothing() {} })
  const far = new Calls<Nothing, Adder>(threadPort(port2), nodeTimers, {
    add: ([a, b]) => a + b,
    fill(bytes) {
      const memory = new Uint8Array(bytes).fill(7)
      handed.push(memory)
      return new Moved(memory, [memory.buffer])
    },
    fail(code) {
      throw Object.assign(new Error(`it failed: ${code}`), { code })
    },
    never: () => new Promise(() => {}),
  })
  open.push(near)
  return { near, far, messages, handed }
}

describe('Calls', () => {
  it('answers every call with its own answer, and sends the calls of one turn as one message', async () => {
    const { near, messages } = joined()
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => near.call('add', [i, 1])))
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(messages).toHaveLength(1)
  })

  it('hands memory over instead of copying it', async () => {
    const { near, handed } = joined()
    const filled = await near.call('fill', 100_000)
    expect(filled).toHaveLength(100_000)
    expect(filled[99_999]).toBe(7)
    expect(handed[0]!.byteLength).toBe(0)
  })

  it('rejects a call that the other side could not answer, with its message and code', async () => {
    const { near } = joined()
    const failure: unknown = await near.call('fail', 'EADDRINUSE').catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(RemoteError)
    expect(failure).toMatchObject({ message: 'it failed: EADDRINUSE', code: 'EADDRINUSE' })
  })

  it('rejects what waits when the other side goes away, and every later call at once', async () => {
    const { near, far } = joined()
    const waiting = near.call('never', undefined)
    await near.call('add', [1, 1])
    far.close()
    await expect(waiting).rejects.toBeInstanceOf(PortClosedError)
    await expect(near.call('add', [1, 1])).rejects.toBeInstanceOf(PortClosedError)
  })
})
