/**
 * The configuration of one start: flags over environment over file over defaults, every entry checked, every problem
 * named with the place where it was written.
 */
import type { ConfigValues } from '@millrace/metadata'
import { StartupError } from '../startup-error.ts'
import { environmentSettings } from './environment.ts'
import { configAliases, configTable, type ServerKeys } from './server-config.ts'
import type { Setting } from './setting.ts'
import { yamlSettings } from './yaml-file.ts'

export interface ConfigSources {
  /** Path of a YAML file. */
  readonly configFile?: string | null
  /** Variables that begin with MILLRACE_ are read, others ignored. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly flags?: readonly Setting[]
}

export interface LoadedConfig {
  readonly values: ConfigValues<ServerKeys>
  /** What was set, as opposed to left at its default: text by key. */
  readonly explicit: ReadonlyMap<string, string>
  /** Where each of those was written. */
  readonly origins: ReadonlyMap<string, string>
}

/** @throws StartupError CONFIG_INVALID with one line for each problem, CONFIG_UNREADABLE */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { configFile = null, environment = {}, flags = [] } = sources
  const layers = [
    configFile === null ? [] : await yamlSettings(configFile),
    environmentSettings(environment),
    [...flags],
  ]
  const problems: string[] = []
  const explicit = new Map<string, string>()
  const origins = new Map<string, string>()
  for (const layer of layers) {
    for (const { key, value, origin } of canonical(layer)) {
      const problem = configTable.invalidEntry(key, value)
      if (problem !== null) {
        problems.push(`${origin}: ${problem}`)
        continue
      }
      explicit.set(key, value)
      origins.set(key, origin)
    }
  }
  if (problems.length > 0) throw invalidConfig(problems)
  return { values: configTable.resolve(explicit), explicit, origins }
}

/** @param problems one line each, beginning with the place where it is written */
export function invalidConfig(problems: readonly string[]): StartupError {
  const message =
    problems.length === 1
      ? problems[0]!
      : `${problems.length} problems in the configuration:\n  ${problems.join('\n  ')}`
  return new StartupError(
    'CONFIG_INVALID',
    message,
    'Run `millrace config docs` for every key with its bounds.',
  )
}

/** Settings under the names that the table has; where one source has both, the table's own name wins. */
function canonical(settings: readonly Setting[]): Setting[] {
  const renamed = settings.filter(({ key }) => configAliases.has(key))
  const plain = settings.filter(({ key }) => !configAliases.has(key))
  return [...renamed.map((setting) => ({ ...setting, key: configAliases.get(setting.key)! })), ...plain]
}
