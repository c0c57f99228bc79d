/** Every command: where it stands, what it is for, and how to load it. */
import type { CommandSpec } from './command.ts'

export interface CommandEntry {
  /** Arguments of the usage line are declared by the command itself. */
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<{ readonly default: CommandSpec<never> }>
}

/** Called by itself, it asks for one of its commands. */
export interface CommandGroup {
  readonly name: string
  readonly summary: string
  readonly examples: readonly string[]
  readonly commands: readonly CommandEntry[]
}

/** A command that has others below it, such as `broker` with `broker list`. */
export interface CommandFamily extends CommandEntry {
  readonly commands: readonly CommandEntry[]
}

export const commandTable: readonly (CommandEntry | CommandGroup | CommandFamily)[] = [
  {
    name: 'dev',
    summary: 'run a whole cluster on this machine, for development',
    load: () => import('./commands/dev.ts'),
  },
  {
    name: 'broker',
    summary: 'run a broker in this process, or look at the brokers of a cluster',
    load: () => import('./commands/broker.ts'),
    commands: [
      {
        name: 'list',
        summary: 'list brokers with their state and what they host',
        load: () => import('./commands/broker-list.ts'),
      },
      {
        name: 'decommission',
        summary: 'move the replicas of a broker to others, then make the cluster forget it',
        load: () => import('./commands/broker-decommission.ts'),
      },
    ],
  },
  {
    name: 'controller',
    summary: 'run a controller in this process',
    load: () => import('./commands/controller.ts'),
  },
  {
    name: 'cluster',
    summary: 'look at a cluster as a whole',
    examples: ['millrace cluster describe'],
    commands: [
      {
        name: 'describe',
        summary: 'show brokers, controllers and topics of a cluster',
        load: () => import('./commands/cluster-describe.ts'),
      },
    ],
  },
  {
    name: 'quorum',
    summary: 'look at the controllers, and change who of them votes',
    examples: ['millrace quorum describe', 'millrace quorum add-voter 104'],
    commands: [
      {
        name: 'describe',
        summary: 'show leader, voters and observers, and how far each has got',
        load: () => import('./commands/quorum-describe.ts'),
      },
      {
        name: 'add-voter',
        summary: 'give a controller that follows the quorum a vote',
        load: () => import('./commands/quorum-add-voter.ts'),
      },
      {
        name: 'remove-voter',
        summary: "take a controller's vote",
        load: () => import('./commands/quorum-remove-voter.ts'),
      },
    ],
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
    name: 'partition',
    summary: 'look at partitions with their replicas, move them, elect leaders',
    examples: [
      'millrace partition list --under-replicated',
      'millrace partition reassign --topic flights --partition 0 --replicas 1,2,3',
    ],
    commands: [
      {
        name: 'list',
        summary: 'list partitions with leader, replicas and who is in sync',
        load: () => import('./commands/partition-list.ts'),
      },
      {
        name: 'reassign',
        summary: 'move partitions to other brokers, throttled or not, see how far that is, or call it off',
        load: () => import('./commands/partition-reassign.ts'),
      },
      {
        name: 'elect',
        summary: 'have leaders elected',
        load: () => import('./commands/partition-elect.ts'),
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
    summary: 'the configuration of a broker or controller',
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
