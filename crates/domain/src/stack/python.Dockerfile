FROM python:{{ version }}-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
{% if port %}
ENV PORT={{ port }} HOST=0.0.0.0
{% endif %}
WORKDIR /app
{% if install %}
COPY {{ copied }}
RUN {{ install }}
{% endif %}
COPY . .
{% if port %}
EXPOSE {{ port }}
{% endif %}
CMD {{ start }}
