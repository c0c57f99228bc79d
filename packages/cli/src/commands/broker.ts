import { Option } from 'commander'
import { defineCommand } from '../command.ts'
import {
  addGeneralNodeOptions,
  addNodeOptions,
  type NodeOptions,
  nodeSettings,
  serveNode,
} from '../node-options.ts'
import { integer } from '../options.ts'

interface Options extends NodeOptions {
  readonly flush?: string
  readonly shards?: number
}

export default defineCommand<Options>({
  examples: [
    'millrace broker --listen 127.0.0.1:9092 --data ./data',
    'millrace broker --config millrace.yaml --set log.retention.ms=3600000',
    'millrace broker --node-id 1 --controllers 101@127.0.0.1:9192 --data ./broker-1',
  ],

  configure(command) {
    addNodeOptions(command, 'clients')
      .addOption(
        new Option('--flush <policy>', 'when an append counts as stored (flush.policy)').choices([
          'commit',
          'interval',
          'os',
        ]),
      )
      .option(
        '--shards <count>',
        'worker threads; 0: none, -1: one less than cores (shards)',
        integer(-1, 1024),
      )
    addGeneralNodeOptions(command)
  },

  async run({ options, output }) {
    const settings = nodeSettings(options, output.format, [
      // Without controllers of their own, broker and controller are one process.
      ['process.roles', '--controllers', options.controllers === undefined ? undefined : 'broker'],
      ['flush.policy', '--flush', options.flush],
      ['shards', '--shards', options.shards],
    ])
    await serveNode(options, settings)
  },
})
