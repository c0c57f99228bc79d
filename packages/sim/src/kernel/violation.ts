/**
 * What the simulator exists to find: an invariant that does not hold, an exception that nobody caught, a rejection
 * that nobody handles, a call around `Env`. The first one ends the run.
 */
export type ViolationKind = 'invariant' | 'exception' | 'rejection' | 'banned-call' | 'start' | 'stuck'

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly kind: ViolationKind
  readonly atMs: number
  /** The node whose code it was; null for the world's own. */
  readonly node: string | null

  constructor(kind: ViolationKind, atMs: number, node: string | null, message: string, cause?: unknown) {
    super(`${kind} at ${atMs.toFixed(3)} ms${node === null ? '' : ` in ${node}`}: ${message}`, { cause })
    this.kind = kind
    this.atMs = atMs
    this.node = node
  }
}
