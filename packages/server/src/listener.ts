/** Listeners as Kafka writes them: `PLAINTEXT://host:port`, `CONTROLLER://host:port`, or `host:port` for short. */
import type { Endpoint } from '@millrace/base'

/** `PLAINTEXT` is a broker's, `CONTROLLER` a controller's. */
export type ListenerName = 'PLAINTEXT' | 'CONTROLLER'

export interface ParsedListener extends Endpoint {
  /** null: as the roles of the process suggest. */
  readonly name: ListenerName | null
}

/** @returns the parts, or what is wrong with it */
export function parseListener(text: string): ParsedListener | { readonly problem: string } {
  const match = /^(?:(?<protocol>[A-Za-z_]+):\/\/)?(?<address>.*)$/.exec(text)
  const { protocol, address = '' } = match?.groups ?? {}
  const name = protocol?.toUpperCase() ?? null
  const endpoint = parseEndpoint(address)
  if (endpoint === null) return { problem: `"${text}" is not HOST:PORT or PLAINTEXT://HOST:PORT` }
  if (name !== null && name !== 'PLAINTEXT' && name !== 'CONTROLLER') {
    return { problem: `"${text}": security protocol ${protocol} is not supported, only PLAINTEXT` }
  }
  if (endpoint.port > 0xffff) return { problem: `"${text}": a port is at most 65535` }
  return { name, ...endpoint }
}

/** `host:port`, where an IPv6 address stands in brackets and no host means all addresses. The port is not checked. */
export function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.%]+)\]|(?<host>[^:/[\]]*)):(?<port>\d{1,5})$/.exec(text)
  if (match?.groups === undefined) return null
  const { v6, host = '', port } = match.groups
  return { host: v6 ?? (host === '' ? '0.0.0.0' : host), port: Number(port) }
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** All addresses of the machine: fine to listen on, and nothing that anybody could dial. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || /^(0{0,4}:){2,7}0{0,4}$/.test(host)
}
