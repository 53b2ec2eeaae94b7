FROM python:3.11-slim AS build
WORKDIR /source
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m venv /opt/anabranch \
 && /opt/anabranch/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY . .
RUN /opt/anabranch/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
COPY --from=build /opt/anabranch /opt/anabranch
RUN useradd --create-home --uid 10001 anabranch
USER anabranch
ENV PATH=/opt/anabranch/bin:$PATH PYTHONUNBUFFERED=1
ENTRYPOINT ["anabranch"]
CMD ["up"]
