/** Settings from environment variables: `log.retention.ms` is `MILLRACE_LOG_RETENTION_MS`. */
import type { Setting } from './setting.ts'

const PREFIX = 'MILLRACE_'

/** Variables of the command line, not of a broker. */
const NOT_SETTINGS: ReadonlySet<string> = new Set(['MILLRACE_BOOTSTRAP', 'MILLRACE_WIRE', 'MILLRACE_DEBUG'])

export function environmentSettings(environment: Readonly<Record<string, string | undefined>>): Setting[] {
  const settings: Setting[] = []
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || NOT_SETTINGS.has(name) || value === undefined) continue
    const key = name.slice(PREFIX.length).toLowerCase().replaceAll('_', '.')
    settings.push({ key, value, origin: `environment variable ${name}` })
  }
  return settings
}

export function environmentVariable(key: string): string {
  return PREFIX + key.toUpperCase().replaceAll('.', '_')
}
