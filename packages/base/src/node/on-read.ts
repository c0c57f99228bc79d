/**
 * The one place that knows how to make an accepted socket read into our memory. `net.connect` takes `onread`, but
 * `net.createServer` does not; so the handle of the paused socket is moved into a new one that has it. `_handle` is
 * not documented: should a Node version hide it, `'data'` events (slower, own memory) serve instead.
 */
import { Socket, type OnReadOpts } from 'node:net'

interface Handle {
  readonly fd?: number
}

/** @param accepted from a server with `pauseOnConnect`; @returns the socket to use, still paused */
export function acceptedSocket(accepted: Socket, onRead: OnReadOpts): Socket {
  const holder = accepted as unknown as { _handle?: Handle | null }
  const handle = holder._handle
  if (handle === undefined || handle === null) {
    accepted.on('data', (chunk: Buffer) => onRead.callback(chunk.length, chunk))
    accepted.pause()
    return accepted
  }
  holder._handle = null
  const options = { handle, onread: onRead }
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0])
  // Without a handle this closes nothing, but the server stops counting the emptied socket as a connection.
  accepted.destroy()
  return socket
}
