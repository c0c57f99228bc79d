import { defineCommand } from '../command.ts'

export default defineCommand<object>({
  examples: ['millrace config docs | less', 'millrace config docs --output json'],

  configure() {},

  async run({ output }) {
    const { configReference, describeConfigKeys } = await import('@millrace/server')
    output.result({ keys: describeConfigKeys() }, () => configReference().trimEnd())
  },
})
