/** What travels along a connection, in order. */
export type Segment =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  /** Room for more: the reader consumed what filled the pipe. */
  | { readonly kind: 'window' }
  /** The connection is established. */
  | { readonly kind: 'syn-ack' }
  | { readonly kind: 'fin' }
  | { readonly kind: 'rst' }

/** Bytes that a segment takes on the wire. */
export function wireBytes(segment: Segment): number {
  return segment.kind === 'data' ? segment.bytes.length + HEADER_BYTES : HEADER_BYTES
}

/** Ethernet, IP and TCP headers. */
const HEADER_BYTES = 66
