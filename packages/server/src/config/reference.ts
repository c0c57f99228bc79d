/** The page about configuration, `docs/config.md`: written by the declarations, so that it is never out of date. */
import { type ConfigKey, describeValidValues, formatConfigValue, NO_LIMIT } from '@millrace/metadata'
import { environmentVariable } from './environment.ts'
import { aliasesOf, configSections, configTable } from './server-config.ts'

const NO_LIMIT_TEXT = formatConfigValue({ type: 'long' } as ConfigKey, NO_LIMIT)

/** One key for programs, as `millrace config docs --output json` prints it. */
export interface ConfigKeyDescription {
  readonly name: string
  readonly section: string
  readonly type: string
  readonly unit: string | null
  /** Text form; null: not set. */
  readonly default: string | null
  readonly valid: string
  readonly environmentVariable: string
  readonly aliases: readonly string[]
  /** Whether IncrementalAlterConfigs changes it without a restart. */
  readonly dynamic: boolean
  readonly text: string
}

export function describeConfigKeys(): ConfigKeyDescription[] {
  return configSections.flatMap(({ title, names }) =>
    names.map((name) => {
      const key = configTable.key(name)!
      return {
        name,
        section: title,
        type: key.type,
        unit: key.unit ?? null,
        default: formatConfigValue(key, key.default),
        valid: describeValidValues(key),
        environmentVariable: environmentVariable(name),
        aliases: aliasesOf(name),
        dynamic: key.update === 'dynamic',
        text: key.text,
      }
    }),
  )
}

/** The page in Markdown. */
export function configReference(): string {
  const keys = describeConfigKeys()
  const sections = configSections.map(({ title, intro }) => {
    const entries = keys.filter(({ section }) => section === title)
    return `## ${title}\n\n${intro}\n\n${entries.map(entryText).join('\n')}`
  })
  return `${INTRODUCTION}\n${sections.join('\n')}`
}

const INTRODUCTION = `# Configuration of a broker

<!-- Do not edit: written by \`scripts/millrace config docs > docs/config.md\` from the declarations in packages/server. -->

Every key has a default, so \`millrace broker\` runs without any. Values come, most specific first, from

1. flags: \`--set log.retention.ms=3600000\`, and short forms such as \`--listen\`, \`--data\`, \`--flush\`;
2. environment variables: \`MILLRACE_LOG_RETENTION_MS=3600000\`;
3. a YAML file, \`--config millrace.yaml\`, with keys written flat or nested:

   \`\`\`yaml
   listeners: PLAINTEXT://127.0.0.1:9092
   log:
     dirs: /var/lib/millrace
     retention.ms: 3600000
   \`\`\`

Names and meanings are Apache Kafka's; keys of our own are marked *(ours)*. An unknown key or a bad value is refused at
start, with the place where it is written.
`

function entryText({
  name,
  type,
  unit,
  default: value,
  valid,
  aliases,
  dynamic,
  text,
}: ConfigKeyDescription): string {
  const facts = [
    `type: ${type}${unit === null ? '' : ` (${unit})`}`,
    `default: ${defaultText(value)}`,
    ...(valid === '' ? [] : [`valid: ${valid}`]),
    ...(aliases.length === 0 ? [] : [`also: ${aliases.map((alias) => `\`${alias}\``).join(', ')}`]),
    ...(dynamic ? ['changes without a restart'] : []),
  ]
  return `### \`${name}\`\n\n${text.replace(/\(ours([^)]*)\)$/, '*(ours$1)*')}\n\n${facts.join(' · ')}\n`
}

function defaultText(value: string | null): string {
  if (value === null) return 'not set'
  if (value === '') return 'empty'
  return value === NO_LIMIT_TEXT ? 'no limit' : `\`${value}\``
}
