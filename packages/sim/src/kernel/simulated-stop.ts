/**
 * Thrown by whatever a process calls after it has died. Product code that catches it meets it again at its next call
 * of the world, so that it dies out without an effect; the kernel ignores it from the dead and reports it from the
 * living.
 */
export class SimulatedStop extends Error {
  override readonly name = 'SimulatedStop'
}
