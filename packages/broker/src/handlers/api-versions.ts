/**
 * ApiVersions v0–4 (KIP-35, KIP-511): what is served. Our own clients learn here that this port speaks the native wire.
 * No features are announced: without them clients keep to the older transaction protocol (KIP-890).
 */
import type { RequestContext } from '@millrace/net'
import { NATIVE_CLIENT_NAME, NATIVE_WIRE_VERSION, advertisedVersions } from '@millrace/protocol'
import type { Handler } from '@millrace/protocol'

const API_KEYS = advertisedVersions('broker')

export const handleApiVersions: Handler<'ApiVersions', RequestContext> = ({ clientSoftwareName }) => ({
  apiKeys: API_KEYS,
  nativeWire: clientSoftwareName === NATIVE_CLIENT_NAME ? NATIVE_WIRE_VERSION : 0,
})
