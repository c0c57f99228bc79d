/**
 * A pipe to another thread: messages arrive in order, each as a structured clone; memory that is transferred is gone
 * on this side. Worker threads have real ones (`node/`).
 */
import type { MessagePort } from 'node:worker_threads'

export interface Port {
  post(message: unknown, transfer: readonly Transfer[]): void
  /** Starts delivery. `onClose` runs once when the other end is gone, whatever the reason. */
  listen(onMessage: (message: unknown) => void, onClose: () => void): void
  close(): void
}

/** What may move between threads without a copy: memory, or the end of another pipe. */
export type Transfer = ArrayBuffer | MessagePort
