/** Listeners as Kafka writes them: `PLAINTEXT://host:port`, or `host:port` for short. */
import type { Endpoint } from '@millrace/base'

/** @returns the parts, or what is wrong with it */
export function parseListener(text: string): Endpoint | { readonly problem: string } {
  const match =
    /^(?:(?<protocol>[A-Za-z_]+):\/\/)?(?:\[(?<v6>[0-9a-fA-F:.%]+)\]|(?<host>[^:/[\]]*)):(?<port>\d{1,5})$/.exec(
      text,
    )
  if (match?.groups === undefined) return { problem: `"${text}" is not HOST:PORT or PLAINTEXT://HOST:PORT` }
  const { protocol = 'PLAINTEXT', v6, host = '', port } = match.groups
  if (protocol.toUpperCase() !== 'PLAINTEXT') {
    return { problem: `"${text}": security protocol ${protocol} is not supported, only PLAINTEXT` }
  }
  if (Number(port) > 0xffff) return { problem: `"${text}": a port is at most 65535` }
  return { host: v6 ?? (host === '' ? '0.0.0.0' : host), port: Number(port) }
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
