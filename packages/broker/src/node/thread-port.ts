/** Node's `MessagePort` as a `Port`. */
import type { MessagePort } from 'node:worker_threads'
import type { Port } from '../thread/port.ts'

export function threadPort(port: MessagePort): Port {
  return {
    post: (message, transfer) => port.postMessage(message, transfer),
    listen(onMessage, onClose) {
      port.on('message', onMessage)
      port.once('close', onClose)
    },
    close: () => port.close(),
  }
}
