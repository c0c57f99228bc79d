import { Consumer } from '@millrace/consumer-client'
import { json, Producer, string, topic, type StandardSchema } from '@millrace/producer-client'

interface Flight {
  readonly to: string
  readonly delay: number
}

const flight: StandardSchema<Flight, Flight> = {
  '~standard': {
    version: 1,
    vendor: 'app',
    validate: (input) => {
      const { to, delay } = input as Partial<Flight>
      if (typeof to === 'string' && typeof delay === 'number') return { value: { to, delay } }
      return { issues: [{ message: 'not a flight' }] }
    },
  },
}
const flights = topic('flights', { key: string(), value: json(flight) })
const bootstrap = process.argv[2]!

await using producer = new Producer({ bootstrap })
const { partition, offset } = await producer.send(flights, { key: 'SFO', value: { to: 'BOS', delay: 12 } })
// @ts-expect-error a flight without a delay does not compile
producer.send(flights, { key: 'SFO', value: { to: 'BOS' } }).catch((error: Error) => console.log(error.name))

await using consumer = new Consumer({ bootstrap })
for await (const message of consumer.read(flights, { from: 'beginning', until: 'end' })) {
  console.log(message.key, message.value.to, message.value.delay + 1, partition, offset)
}
