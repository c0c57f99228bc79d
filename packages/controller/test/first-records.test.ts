import { expect, test } from 'vitest'
import { firstRecords } from '../src/first-records.ts'

test('a metadata log begins with what is needed to read it', () => {
  const [first, ...others] = firstRecords({ staticEntries: new Map() })
  expect(first).toMatchObject({ type: 'FeatureLevelRecord', name: 'metadata.version' })
  expect(others).toEqual([])
})

test('the minimum of in-sync replicas that its controller was started with holds for all brokers', () => {
  const [first, second] = firstRecords({ staticEntries: new Map([['min.insync.replicas', '2']]) })
  expect(first!.type).toBe('FeatureLevelRecord')
  expect(second).toMatchObject({
    type: 'ConfigRecord',
    resourceType: 4,
    resourceName: '',
    name: 'min.insync.replicas',
    value: '2',
  })
})
