/** Listeners as Kafka writes them: `NAME://host:port`, `CONTROLLER://host:port`, or `host:port` for short. */
import type { Endpoint } from '@millrace/base'

/** Of the controller's; every other name is a broker's. */
export const CONTROLLER = 'CONTROLLER'
/** What a broker's is called unless somebody calls it otherwise. */
export const PLAINTEXT = 'PLAINTEXT'

export interface ParsedListener extends Endpoint {
  /** In capitals; null: as the roles of the process suggest. */
  readonly name: string | null
}

/** @returns the parts, or what is wrong with it */
export function parseListener(text: string): ParsedListener | { readonly problem: string } {
  const match = /^(?:(?<name>[A-Za-z][A-Za-z0-9_]*):\/\/)?(?<address>.*)$/.exec(text)
  const { name, address = '' } = match?.groups ?? {}
  const endpoint = parseEndpoint(address)
  if (endpoint === null) return { problem: `"${text}" is not HOST:PORT or PLAINTEXT://HOST:PORT` }
  if (endpoint.port > 0xffff) return { problem: `"${text}": a port is at most 65535` }
  return { name: name?.toUpperCase() ?? null, ...endpoint }
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
