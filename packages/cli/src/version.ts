/** The version of this command line, from its package.json. */
import { readFileSync } from 'node:fs'
import type { OutputFormat } from './output.ts'

export function versionLine(format: OutputFormat): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  return format === 'json'
    ? JSON.stringify({ name: 'millrace', version, node: process.versions.node })
    : `millrace ${version} (Node ${process.versions.node})`
}
