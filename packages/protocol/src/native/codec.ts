/** The compiled native packers and unpackers of every API; each is compiled when it is first needed. */
import { type ApiName, apiOf } from '../apis.ts'
import { fieldsPacker, type FieldsPacker } from './struct-packer.ts'
import { fieldsUnpacker, type FieldsUnpacker } from './struct-unpacker.ts'

type Direction = 'request' | 'response'

interface NativeCodec {
  readonly pack: FieldsPacker
  readonly unpack: FieldsUnpacker
}

const codecs = new Map<ApiName, Partial<Record<Direction, NativeCodec>>>()

export function nativeCodec(name: ApiName, direction: Direction): NativeCodec {
  let ofApi = codecs.get(name)
  if (ofApi === undefined) codecs.set(name, (ofApi = {}))
  return (ofApi[direction] ??= {
    pack: fieldsPacker(apiOf(name)[direction]),
    unpack: fieldsUnpacker(apiOf(name)[direction], `${name} ${direction}`),
  })
}
