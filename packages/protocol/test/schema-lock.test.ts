import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { declaredSchemas, incompatibilities, schemaLock, type SchemaLock } from '../src/schema-lock.ts'
import { defineApi } from '../src/schema/define-api.ts'
import { defineRecord } from '../src/schema/define-record.ts'
import { array, bool, int16, int32, int64, records, string, struct } from '../src/schema/field.ts'

const committed = JSON.parse(
  readFileSync(new URL('../schema.lock.json', import.meta.url), 'utf8'),
) as SchemaLock

describe('the committed schema lock', () => {
  const current = schemaLock(declaredSchemas)

  it('finds no incompatible edit in the declarations', () => {
    expect(incompatibilities(committed, current)).toEqual([])
  })

  it('is up to date: run packages/protocol/scripts/update-schema-lock.ts', () => {
    expect(committed).toEqual(JSON.parse(JSON.stringify(current)))
  })
})

const released = {
  key: 500,
  name: 'Sample',
  listeners: ['broker'],
  versions: '0-3',
  flexible: '2+',
  served: '0-3',
  request: {
    id: int32(),
    topics: array(
      struct({
        name: string({ nullable: '2+' }),
        epoch: int32({ versions: '1+', default: -1 }),
        hint: string({ versions: '2+', tag: 0, default: '' }),
      }),
    ),
  },
  response: { errorCode: int16(), note: string({ nullable: '0+', default: null }) },
} as const

type Declaration = Parameters<typeof defineApi>[0]

function lockOf(declaration: Declaration): SchemaLock {
  return schemaLock({ ...declaredSchemas, apis: [defineApi(declaration)] })
}

/** What the checker says of `edited`, when `released` is locked. */
function faultsOf(edited: Declaration): string[] {
  return incompatibilities(lockOf(released), lockOf(edited))
}

function withTopic(fields: Parameters<typeof struct>[0]): Declaration {
  return { ...released, request: { id: int32(), topics: array(struct(fields)) } }
}

const { name, epoch, hint } = {
  name: string({ nullable: '2+' }),
  epoch: int32({ versions: '1+', default: -1 }),
  hint: string({ versions: '2+', tag: 0, default: '' }),
}

describe('the schema lock refuses', () => {
  const refused: [edit: string, declaration: Declaration, message: RegExp][] = [
    ['a removed field', withTopic({ name, hint }), /topics\.epoch is gone: end its `versions`/],
    [
      'a changed type',
      withTopic({ name, epoch: int64({ versions: '1+', default: -1 }), hint }),
      /topics\.epoch has changed its type from "int32" to "int64": put it back/,
    ],
    [
      'a changed element type',
      { ...released, request: { id: int32(), topics: array(string()) } },
      /topics has changed its type from "\[\]struct" to "\[\]string"/,
    ],
    [
      'a changed tag',
      withTopic({ name, epoch, hint: string({ versions: '2+', tag: 1, default: '' }) }),
      /topics\.hint has changed its tag from 0 to 1: .*never given away/,
    ],
    [
      'a tag taken from a field',
      withTopic({ name, epoch, hint: string({ versions: '2+', default: '' }) }),
      /topics\.hint has changed its tag from 0 to none/,
    ],
    [
      'another first version of a field',
      withTopic({ name, epoch: int32({ versions: '2+', default: -1 }), hint }),
      /topics\.epoch has changed its versions from "1-3" to "2-3"/,
    ],
    [
      'null in a released version',
      withTopic({ name: string({ nullable: '1+' }), epoch, hint }),
      /topics\.name has changed its nullable versions/,
    ],
    [
      'another default',
      withTopic({ name, epoch: int32({ versions: '1+', default: 0 }), hint }),
      /topics\.epoch has changed its default from -1 to 0/,
    ],
    [
      'a default added or taken away',
      { ...released, request: { ...released.request, id: int32({ default: 0 }) } },
      /request\.id has changed its optional mark/,
    ],
    [
      'reordered fields',
      withTopic({ epoch, name, hint }),
      /topics\.name has changed its native position from 0 to 1/,
    ],
    [
      'a new field in a released version',
      withTopic({ name, epoch, hint, extra: bool({ default: false }) }),
      /topics\.extra is new in released versions: start it at 4, or make it a tagged field/,
    ],
    [
      'a new field between released ones',
      withTopic({ name, extra: bool({ versions: '4+', default: false }), epoch, hint }),
      /topics\.extra takes the native position of a released field: give it `position: 3`/,
    ],
    [
      'a new field that must be sent',
      withTopic({ name, epoch, hint, extra: bool({ versions: '4+' }) }),
      /topics\.extra is new and has no default/,
    ],
    [
      'a new field with bytes',
      withTopic({ name, epoch, hint, extra: records({ versions: '4+', nullable: '4+', default: null }) }),
      /topics\.extra is new and holds bytes/,
    ],
    [
      'a dropped version',
      { ...released, versions: '1-3', served: '1-3' },
      /no longer declares all of 0-3: .*`served`/,
    ],
    ['other flexible versions', { ...released, flexible: '1+' }, /flexible in 1\+, released as 2\+/],
    ['another API key', { ...released, key: 501 }, /changed its key from 500/],
    ['a removed API', { ...released, name: 'Other' }, /^Sample is gone/],
  ]

  it.for(refused)('%s', ([, declaration, message]) => {
    const faults = faultsOf(declaration)
    expect(faults.join('\n')).toMatch(message)
    for (const fault of faults) expect(fault).toMatch(/[:.] .*\.$/)
  })
})

describe('the schema lock admits', () => {
  const admitted: [edit: string, declaration: Declaration][] = [
    ['no change', released],
    ['a new version', { ...released, versions: '0-4', served: '0-4' }],
    ['fewer served versions', { ...released, served: '1-2' }],
    [
      'a new field in a new version',
      withTopic({ name, epoch, hint, extra: bool({ versions: '4+', default: false }) }),
    ],
    [
      'a new field between released ones with a position behind them',
      withTopic({ name, extra: bool({ versions: '4+', default: false, position: 3 }), epoch, hint }),
    ],
    [
      'a new tagged field in released versions',
      withTopic({ name, epoch, hint, extra: bool({ versions: '2+', tag: 1, default: false }) }),
    ],
    [
      'a new native-only field',
      withTopic({ name, epoch, hint, extra: bool({ nativeOnly: true, default: false }) }),
    ],
    [
      'an end of a field in a later version',
      withTopic({ name, epoch: int32({ versions: '1-3', default: -1 }), hint }),
    ],
  ]

  it.for(admitted)('%s', ([, declaration]) => {
    expect(faultsOf(declaration)).toEqual([])
  })
})

describe('the schema lock of records', () => {
  const record = {
    key: 90,
    name: 'SampleRecord',
    versions: '0-1',
    fields: {
      id: int32(),
      epoch: int32(),
      note: string({ versions: '1+', nullable: '1+', tag: 0, default: null }),
    },
  } as const
  type RecordDeclaration = Parameters<typeof defineRecord>[0]
  type Kind = 'metadataRecords' | 'quorumRecords'

  function recordFaultsOf(kind: Kind, edited: RecordDeclaration): string {
    const lock = (declaration: RecordDeclaration) =>
      schemaLock({ ...declaredSchemas, [kind]: [defineRecord(declaration)] })
    return incompatibilities(lock(record), lock(edited)).join('\n')
  }

  const { id, epoch, note } = record.fields
  const refused: [edit: string, declaration: RecordDeclaration, message: RegExp][] = [
    ['a removed record', { ...record, name: 'Other' }, /^SampleRecord is gone: logs of released nodes/],
    ['another key', { ...record, key: 91 }, /changed its key from 90/],
    ['a dropped version', { ...record, versions: '1' }, /no longer declares all of 0-1/],
    ['a removed field', { ...record, fields: { id, epoch } }, /SampleRecord\.note is gone/],
    [
      'reordered fields',
      { ...record, fields: { epoch, note, id } },
      /^SampleRecord has its fields in another order than id, epoch: put them back/,
    ],
    [
      'a changed type',
      { ...record, fields: { id: int64(), epoch, note } },
      /SampleRecord\.id has changed its type/,
    ],
    [
      'a new field in released versions',
      { ...record, fields: { id, epoch, note, extra: bool({ default: false }) } },
      /SampleRecord\.extra is new in released versions: start it at 2/,
    ],
  ]
  for (const kind of ['metadataRecords', 'quorumRecords'] as const) {
    it.for(refused)(`refuses %s among ${kind}`, ([, declaration, message]) => {
      expect(recordFaultsOf(kind, declaration)).toMatch(message)
    })

    it.for<[string, RecordDeclaration]>([
      ['no change', record],
      [
        'a new field in a new version',
        { ...record, versions: '0-2', fields: { id, epoch, note, extra: bool({ versions: '2+' }) } },
      ],
      ['another place of a tagged field', { ...record, fields: { note, id, epoch } }],
    ])(`admits %s among ${kind}`, ([, declaration]) => {
      expect(recordFaultsOf(kind, declaration)).toBe('')
    })
  }
})
