const contexts: Readonly<Record<string, string>> = {
  openid: 'know that it is you',
  fhirUser: 'know which member of staff you are',
  profile: 'know your name, role and groups',
  offline_access: 'go on for up to 30 days without asking again',
  launch: 'know which patient it was launched for',
  'launch/patient': 'be told which patient you choose',
  'launch/encounter': 'be told which stay you choose',
};

/** What a scope lets an app do, for the person who is asked: "read and search this patient's Observations". */
export function scopeWords(scope: string): string {
  const [, level, type, form] = /^(patient|user|system)\/(\*|[A-Za-z]+)\.(r|s|rs)$/.exec(scope) ?? [];
  if (level === undefined) return contexts[scope] ?? scope;
  const verb = form === 'rs' ? 'read and search' : form === 'r' ? 'read' : 'search';
  const whose = level === 'patient' ? 'of this patient' : 'of every patient that you may see';
  return `${verb} ${type === '*' ? 'everything' : type} ${whose}`;
}
