/** The address list that a client starts from: `host:port,host:port`, IPv6 in brackets, port 9092 when left out. */
import type { Endpoint } from '@millrace/base'
import { ConfigError } from './errors.ts'

const DEFAULT_PORT = 9092

/**
 * @param bootstrap one text or a list of texts, each with one or more addresses separated by commas
 * @throws ConfigError naming the address that cannot be read
 */
export function parseBootstrap(bootstrap: string | readonly string[]): readonly Endpoint[] {
  const texts = typeof bootstrap === 'string' ? [bootstrap] : bootstrap
  const addresses = texts.flatMap((text) => text.split(',')).map((address) => address.trim())
  const endpoints = addresses.filter((address) => address !== '').map(parseAddress)
  if (endpoints.length === 0) {
    throw new ConfigError("bootstrap is empty: pass at least one broker, such as '127.0.0.1:9092'")
  }
  return endpoints
}

/** `host:port` for people and keys; brackets around IPv6. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function parseAddress(address: string): Endpoint {
  const bracketed = /^\[([0-9a-fA-F:.%\w]+)\](?::(\d+))?$/.exec(address)
  if (bracketed !== null) return { host: bracketed[1]!, port: parsePort(address, bracketed[2]) }
  const plain = /^([^\s:[\]/]+)(?::(\d+))?$/.exec(address)
  if (plain !== null) return { host: plain[1]!, port: parsePort(address, plain[2]) }
  const hint = /:.*:/.test(address) ? 'write IPv6 in brackets, such as [::1]:9092' : 'write it as host:port'
  throw new ConfigError(`cannot read the bootstrap address ${JSON.stringify(address)}: ${hint}`)
}

function parsePort(address: string, text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT
  const port = Number(text)
  if (port >= 1 && port <= 65_535) return port
  throw new ConfigError(
    `the port of the bootstrap address ${JSON.stringify(address)} is not within 1 to 65535`,
  )
}
