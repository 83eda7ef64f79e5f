import { routes, type Route } from '@primum/contract';

/** OpenAPI 3.1 of the route table: the table is the source, this is one view of it. */
export function openapi(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, row] of Object.entries(routes)) {
    const route: Route = row;
    const path = route.path.replaceAll(/:([A-Za-z]+)/g, '{$1}');
    const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')];
    const answer = route.response === undefined ? { description: 'Done' } : { description: 'Answer', content: { 'application/json': { schema: route.response } } };
    (paths[path] ??= {})[route.method.toLowerCase()] = {
      operationId: name,
      'x-needs': route.needs,
      ...(parameters.length > 0 ? { parameters } : {}),
      ...(route.body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }),
      responses: { 200: answer, default: { description: 'Error', content: { 'application/json': { schema: errorSchema } } } },
    };
  }
  return { openapi: '3.1.0', info: { title: 'Primum', version, license: { name: 'Apache-2.0' } }, paths };
}

const errorSchema = {
  type: 'object', required: ['code', 'message', 'action'],
  properties: { code: { type: 'string' }, message: { type: 'string' }, action: { type: 'string' } },
};

function parametersOf(schema: object | undefined, where: 'path' | 'query'): object[] {
  if (schema === undefined || !('properties' in schema)) return [];
  const properties: Record<string, object> = Object(schema.properties);
  const required: string[] = 'required' in schema && Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties).map(([name, property]) => ({ name, in: where, required: where === 'path' || required.includes(name), schema: property }));
}
