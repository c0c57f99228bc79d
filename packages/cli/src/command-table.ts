/** Every command: where it stands, what it is for, and how to load it. */
import type { CommandSpec } from './command.ts'

export interface CommandEntry {
  /** Arguments of the usage line are declared by the command itself. */
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<{ readonly default: CommandSpec<never> }>
}

export interface CommandGroup {
  readonly name: string
  readonly summary: string
  readonly examples: readonly string[]
  readonly commands: readonly CommandEntry[]
}

export const commandTable: readonly (CommandEntry | CommandGroup)[] = [
  {
    name: 'broker',
    summary: 'run a broker in this process',
    load: () => import('./commands/broker.ts'),
  },
  {
    name: 'topic',
    summary: 'create, list, describe, alter and delete topics',
    examples: ['millrace topic create flights --partitions 6', 'millrace topic list'],
    commands: [
      { name: 'create', summary: 'create a topic', load: () => import('./commands/topic-create.ts') },
      { name: 'list', summary: 'list topics', load: () => import('./commands/topic-list.ts') },
      {
        name: 'describe',
        summary: 'show partitions, replicas, offsets and configuration of a topic',
        load: () => import('./commands/topic-describe.ts'),
      },
      {
        name: 'alter',
        summary: 'change the configuration of a topic, or add partitions',
        load: () => import('./commands/topic-alter.ts'),
      },
      {
        name: 'delete',
        summary: 'delete topics with all their records',
        load: () => import('./commands/topic-delete.ts'),
      },
    ],
  },
  {
    name: 'produce',
    summary: 'send lines of a file or of standard input as records',
    load: () => import('./commands/produce.ts'),
  },
  {
    name: 'consume',
    summary: 'print the records of a topic',
    load: () => import('./commands/consume.ts'),
  },
  {
    name: 'log',
    summary: 'look into the files of a data folder',
    examples: ['millrace log verify ./data'],
    commands: [
      {
        name: 'dump',
        summary: 'print the record batches of a segment file, with the verdict of their CRC',
        load: () => import('./commands/log-dump.ts'),
      },
      {
        name: 'verify',
        summary: 'check every segment file under a folder',
        load: () => import('./commands/log-verify.ts'),
      },
    ],
  },
  {
    name: 'perf',
    summary: 'measure throughput and latency',
    examples: ['millrace perf produce --topic bench'],
    commands: [
      {
        name: 'produce',
        summary: 'records per second into a topic',
        load: () => import('./commands/perf-produce.ts'),
      },
      {
        name: 'consume',
        summary: 'records per second out of a topic',
        load: () => import('./commands/perf-consume.ts'),
      },
      {
        name: 'latency',
        summary: 'time from sending a record to consuming it, at a steady rate',
        load: () => import('./commands/perf-latency.ts'),
      },
    ],
  },
  {
    name: 'config',
    summary: 'the configuration of a broker',
    examples: ['millrace config docs'],
    commands: [
      {
        name: 'docs',
        summary: 'every key with type, bounds, default and meaning',
        load: () => import('./commands/config-docs.ts'),
      },
    ],
  },
]
