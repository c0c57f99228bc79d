/**
 * Where a run takes commands from other terminals: a socket in the folder for temporary files, which only its owner may
 * use. One line of JSON goes in, one comes out.
 */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Answer {
  readonly ok: boolean
  readonly text: string
}

const REQUEST_BYTES_MAX = 4096

/** One for each user, unless CHAOS_SOCKET says otherwise: a second run of the same user takes no commands. */
function socketPath(): string {
  return process.env['CHAOS_SOCKET'] ?? join(tmpdir(), `millrace-chaos-${process.getuid?.() ?? 'user'}.sock`)
}

export class ControlSocket implements AsyncDisposable {
  readonly #server: Server
  readonly #connections = new Set<Socket>()

  private constructor(answer: (words: readonly string[]) => Promise<Answer>) {
    this.#server = createServer((socket) => {
      this.#connections.add(socket)
      socket.on('close', () => this.#connections.delete(socket))
      // Whoever asked is gone.
      socket.on('error', () => socket.destroy())
      void serve(socket, answer)
    })
  }

  /** @returns null when another run has the socket */
  static async open(answer: (words: readonly string[]) => Promise<Answer>): Promise<ControlSocket | null> {
    const path = socketPath()
    if ((await dial(path)) !== null) return null
    // Of a run that was killed.
    rmSync(path, { force: true })
    const control = new ControlSocket(answer)
    const listening = once(control.#server, 'listening')
    const mask = process.umask(0o077)
    control.#server.listen(path)
    process.umask(mask)
    await listening
    return control
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#connections) socket.destroy()
    await closed
  }
}

/** @returns null when no run takes commands */
export async function command(words: readonly string[]): Promise<Answer | null> {
  const socket = await dial(socketPath())
  if (socket === null) return null
  socket.write(`${JSON.stringify(words)}\n`)
  try {
    for await (const line of createInterface({ input: socket })) return JSON.parse(line) as Answer
    return { ok: false, text: 'the run ended before it answered' }
  } finally {
    socket.destroy()
  }
}

async function serve(socket: Socket, answer: (words: readonly string[]) => Promise<Answer>): Promise<void> {
  for await (const line of createInterface({ input: socket })) {
    const words = wordsOf(line)
    const reply = words === null ? { ok: false, text: 'not understood' } : await answer(words)
    if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`)
  }
}

function wordsOf(line: string): readonly string[] | null {
  if (line.length > REQUEST_BYTES_MAX) return null
  try {
    const words: unknown = JSON.parse(line)
    const isWords = Array.isArray(words) && words.every((word) => typeof word === 'string')
    return isWords ? (words as readonly string[]) : null
  } catch {
    // no JSON: the caller is told that it was not understood
    return null
  }
}

async function dial(path: string): Promise<Socket | null> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return socket
  } catch {
    // nobody listens there, or there is no such socket: the answer is that no run takes commands
    socket.destroy()
    return null
  }
}
