/** This node does not lead the metadata quorum (any more). */
export class NotControllerError extends Error {
  override readonly name = 'NotControllerError'
}
