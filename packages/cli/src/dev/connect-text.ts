/** How to reach a development cluster, for people. Pure. */
import { paint } from '../output.ts'

/** @param bootstrap `host:port,…` */
export function connectLines(bootstrap: string): string[] {
  const list = bootstrap
    .split(',')
    .map((address) => `'${address}'`)
    .join(', ')
  return [
    `${paint('bold', 'shell')}     export MILLRACE_BOOTSTRAP=${bootstrap}`,
    '          millrace topic create flights --partitions 6 && millrace topic list',
    `${paint('bold', 'clients')}   new Producer({ bootstrap: '${bootstrap}' })   // and Consumer, Admin`,
    `${paint('bold', 'kcat')}      kcat -b ${bootstrap} -L`,
    `${paint('bold', 'kafkajs')}   new Kafka({ brokers: [${list}] })`,
  ]
}
