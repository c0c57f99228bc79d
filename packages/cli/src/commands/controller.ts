import { defineCommand } from '../command.ts'
import {
  addGeneralNodeOptions,
  addNodeOptions,
  type NodeOptions,
  nodeSettings,
  serveNode,
} from '../node-options.ts'

export default defineCommand<NodeOptions>({
  examples: [
    'millrace controller --node-id 101 --controllers 101@127.0.0.1:9192 --data ./controller-101',
    'millrace controller --node-id 2 --controllers 1@a:9192,2@b:9192,3@c:9192 --listen :9192 --allow-insecure',
  ],

  configure(command) {
    addNodeOptions(command, 'other nodes')
    addGeneralNodeOptions(command)
  },

  async run({ options, output }) {
    const settings = nodeSettings(options, output.format, [['process.roles', 'controller', 'controller']])
    await serveNode(options, settings)
  },
})
