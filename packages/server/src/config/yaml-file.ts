/**
 * Settings from a YAML file, each with its line. Keys may be written flat (`log.retention.ms: 1000`) or nested
 * (`log: { retention: { ms: 1000 } }`); a list becomes Kafka's comma-separated form.
 */
import { readFileSync } from 'node:fs'
import type { LineCounter, Node, ParsedNode, YAMLMap } from 'yaml'
import { StartupError } from '../startup-error.ts'
import type { Setting } from './setting.ts'

/** @throws StartupError CONFIG_UNREADABLE, CONFIG_INVALID when it is no YAML mapping of keys to values */
export async function yamlSettings(path: string): Promise<Setting[]> {
  const source = read(path)
  // Only here: most brokers run without a file, and the parser costs 20 ms to load.
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(source, { lineCounter: lines, uniqueKeys: true })
  const [error] = document.errors
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0])
    throw new StartupError(
      'CONFIG_INVALID',
      `${path}:${line}: ${error.message.split('\n')[0]?.replace(/ at line.*/, '')}`,
    )
  }

  const settings: Setting[] = []
  const walk = (map: YAMLMap, prefix: string): void => {
    for (const pair of map.items) {
      const origin = `${path}:${lineOf(lines, pair.key as Node)}`
      const key = prefix + String(yaml.isScalar(pair.key) ? pair.key.value : pair.key)
      const value = pair.value as ParsedNode | null
      if (yaml.isMap(value)) walk(value as YAMLMap, `${key}.`)
      else settings.push({ key, value: plainValue(yaml, value, key, origin), origin })
    }
  }
  if (yaml.isMap(document.contents)) walk(document.contents as YAMLMap, '')
  else if (document.contents !== null) {
    throw new StartupError('CONFIG_INVALID', `${path}:1: expected lines of "key: value"`)
  }
  return settings
}

function plainValue(yaml: typeof import('yaml'), node: Node | null, key: string, origin: string): string {
  if (yaml.isScalar(node)) {
    // The text as written: 9007199254740993 and 1e3 must reach the key's own parser untouched.
    if (typeof node.value === 'string') return node.value
    return node.value === null ? '' : (node.source ?? '')
  }
  if (yaml.isSeq(node)) return node.items.map((item) => plainValue(yaml, item as Node, key, origin)).join(',')
  throw new StartupError('CONFIG_INVALID', `${origin}: ${key} must be a plain value or a list of them`)
}

function lineOf(lines: LineCounter, node: Node): number {
  return lines.linePos(node.range?.[0] ?? 0).line
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new StartupError('CONFIG_UNREADABLE', `configuration file ${path} ${reason}`)
  }
}
