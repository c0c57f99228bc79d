/** What a frame length outside the bounds most likely means, for the log line of the connection that sent it. */
export function badLengthText(length: number): string {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(length)
  // A TLS record: type 22 (handshake), version 3.x. Read as a length it is 352,518,912 and something (KIP-498).
  if (bytes[0] === 22 && bytes[1] === 3) return 'the peer speaks TLS, this listener does not'
  if (HTTP_METHODS.has(bytes.toString('latin1'))) return 'the peer speaks HTTP, this listener does not'
  return `a request of ${length} bytes is not acceptable`
}

const HTTP_METHODS = new Set(['GET ', 'PUT ', 'POST', 'HEAD', 'OPTI', 'DELE', 'PATC', 'PRI '])
