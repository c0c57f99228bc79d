/**
 * Assertions that stay on in production. A failed one means that an invariant of our own code is broken: the
 * partition or the process stops rather than go on with wrong data. Never used for input from outside.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** The branch that the compiler proves impossible, for values that came from outside its sight. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}
