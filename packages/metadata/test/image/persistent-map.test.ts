import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PersistentMap } from '../../src/image/persistent-map.ts'

const change = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.nat(300), value: fc.nat() }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.nat(300), value: fc.constant(0) }),
)

test('it behaves as a Map, and no version ever changes once it was handed out', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 40 }), { maxLength: 25 }), (edits) => {
      const model = new Map<string, number>()
      let map = PersistentMap.empty<number>()
      const versions: { map: PersistentMap<number>; model: Map<string, number> }[] = []
      for (const edit of edits) {
        const editor = map.edit()
        for (const { kind, key, value } of edit) {
          const name = `topic-${key}`
          if (kind === 'set') editor.set(name, value)
          else editor.delete(name)
          if (kind === 'set') model.set(name, value)
          else model.delete(name)
          expect(editor.get(name)).toBe(model.get(name))
        }
        map = editor.done()
        versions.push({ map, model: new Map(model) })
      }
      for (const version of versions) {
        expect(version.map.size).toBe(version.model.size)
        expect(new Map(version.map.entries())).toEqual(version.model)
        for (let key = 0; key <= 300; key++) {
          expect(version.map.get(`topic-${key}`)).toBe(version.model.get(`topic-${key}`))
        }
      }
    }),
    { numRuns: 40 },
  )
})

test('an edit that changes nothing gives the same map', () => {
  const editor = PersistentMap.empty<number>().edit()
  editor.set('a', 1)
  const map = editor.done()
  const idle = map.edit()
  idle.delete('b')
  expect(idle.done()).toBe(map)
})

test('an editor that is done refuses further changes', () => {
  const editor = PersistentMap.empty<number>().edit()
  editor.done()
  expect(() => editor.set('a', 1)).toThrow('done')
})

test('one change in a large map costs microseconds', () => {
  const editor = PersistentMap.empty<number>().edit()
  for (let index = 0; index < 100_000; index++) editor.set(`topic-${index}`, index)
  let map = editor.done()
  const before = performance.now()
  for (let index = 0; index < 1000; index++) {
    const one = map.edit()
    one.set(`topic-${index}`, -1)
    map = one.done()
  }
  // A plain Map copied each time would take 1,000 × several milliseconds.
  expect(performance.now() - before).toBeLessThan(1000)
  expect(map.get('topic-999')).toBe(-1)
})
