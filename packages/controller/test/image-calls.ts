/** What a decision costs, in calls: unlike its time, that is the same on every machine. */
import type { NodeId } from '@millrace/base'
import type { BrokerImage } from '@millrace/metadata'
import { vi } from 'vitest'
import type { TestCluster } from './cluster.ts'

/** Calls of the methods of the topics' image, of the maps that it consists of, and of the brokers', while `run` works. */
export function callsOf({ image }: Pick<TestCluster, 'image'>, run: () => void): Map<string, number> {
  const calls = new Map<string, number>()
  const spies = [image.topics, image.topics.maps().byName].flatMap((object) => {
    const methods: Record<string, (...args: unknown[]) => unknown> = Object.getPrototypeOf(object)
    const names = Object.entries(Object.getOwnPropertyDescriptors(methods))
      .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
      .map(([name]) => name)
    return names.map((name) => {
      const original = methods[name]!
      return vi.spyOn(methods, name).mockImplementation(function counted(this: unknown, ...args) {
        calls.set(name, (calls.get(name) ?? 0) + 1)
        return original.apply(this, args)
      })
    })
  })
  // Not of all maps: counting needs one.
  const brokers = (['get', 'values'] as const).map((name) =>
    vi.spyOn(image.brokers as Map<NodeId, BrokerImage>, name),
  )
  run()
  for (const spy of brokers) calls.set(`brokers.${spy.getMockName()}`, spy.mock.calls.length)
  for (const spy of [...spies, ...brokers]) spy.mockRestore()
  return calls
}
