/**
 * How two sides find out that they may speak the native wire, and how a connection says that it does.
 * A client that names itself `NATIVE_CLIENT_NAME` in ApiVersions (version 3 or newer, on Kafka's wire) is told the
 * native version in the response's tagged field `nativeWire`; it may then open connections with the preamble.
 */

/** First bytes of a native connection. As Kafka's frame length it would be negative, so no Kafka frame starts so. */
export const NATIVE_PREAMBLE: Buffer = Buffer.from([0xff, 0x4d, 0x52, 0x01])

/** `clientSoftwareName` of Millrace's own clients and brokers. */
export const NATIVE_CLIENT_NAME = 'millrace'

/** The native wire's version; the last byte of the preamble. */
export const NATIVE_WIRE_VERSION = 1
