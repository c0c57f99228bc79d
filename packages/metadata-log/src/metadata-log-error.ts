/** Why the metadata log can't be opened or appended to. The message says what to do. */
export class MetadataLogError extends Error {
  override readonly name = 'MetadataLogError'
}
