{{- define "almanac.labels" -}}
app.kubernetes.io/name: almanac
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "almanac.image" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "almanac.pod" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1001
  runAsGroup: 1001
  fsGroup: 1001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "almanac.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* A variable from the secret: {name, optional, root}. */ -}}
{{- define "almanac.secret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .root.Values.secret.name }}, key: {{ .name }}{{ if .optional }}, optional: true{{ end }}}}
{{- end }}

{{- /* What a run, the deploy job and serving need to reach the server and the store. */ -}}
{{- define "almanac.client" -}}
- {name: PREFECT_API_URL, value: "http://server:4200/api"}
- {name: PREFECT_UI_URL, value: {{ .Values.uiOrigin | quote }}}
- {name: ALMANAC_CONFIG, value: /etc/almanac/almanac.toml}
{{ include "almanac.secret" (dict "name" "AWS_ACCESS_KEY_ID" "optional" true "root" .) }}
{{ include "almanac.secret" (dict "name" "AWS_SECRET_ACCESS_KEY" "optional" true "root" .) }}
{{- end }}

{{- define "almanac.checksum" -}}
checksum/config: {{ .Values.config | sha256sum }}
{{- end }}
