// The body and its skeleton in 3D, at the time of the video; three.js is loaded when somebody asks for it.

const view = document.querySelector(".body-view");
const GROUND_M = 10; // from the middle to each edge, in squares of 1 m
const DISTANCE_M = 3.4;
const ABOVE_M = 0.5;

function ground(THREE) {
  const points = [];
  for (let line = -GROUND_M; line <= GROUND_M; line += 1) {
    for (let start = -GROUND_M; start < GROUND_M; start += 1) {
      points.push(line, 0, start, line, 0, start + 1, start, 0, line, start + 1, 0, line);
    }
  }
  const geometry = new THREE.BufferGeometry().setAttribute("position", new THREE.Float32BufferAttribute(points, 3));
  return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: 0xb6bfc8 }));
}

// Only the nearest surface of a translucent body is drawn: without this, the inside of its mouth would be seen.
function depthOf(THREE, mesh) {
  const depth = new THREE.SkinnedMesh(mesh.geometry, new THREE.MeshBasicMaterial({ colorWrite: false, transparent: true }));
  depth.bind(mesh.skeleton, mesh.bindMatrix);
  depth.frustumCulled = false;
  depth.renderOrder = 1;
  mesh.renderOrder = 2;
  return depth;
}

async function open(three) {
  const { THREE, GLTFLoader, OrbitControls } = three;
  const canvas = view.querySelector("[data-canvas]");
  canvas.hidden = false;
  const renderer = new THREE.WebGLRenderer({ antialias: true });
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  renderer.domElement.tabIndex = 0;
  renderer.domElement.setAttribute("role", "img");
  renderer.domElement.setAttribute("aria-label", "The body and its skeleton: drag to turn, scroll to zoom");
  canvas.append(renderer.domElement);
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(0xf6f8fa);
  scene.add(new THREE.HemisphereLight(0xffffff, 0x9aa3ab, 1.3), ground(THREE));
  const sun = new THREE.DirectionalLight(0xffffff, 1.4);
  sun.position.set(2, 4, 3);
  scene.add(sun);
  const camera = new THREE.PerspectiveCamera(35, 1, 0.05, 100);
  const controls = new OrbitControls(camera, renderer.domElement);
  controls.listenToKeyEvents(renderer.domElement);

  const file = await new GLTFLoader().loadAsync(view.dataset.body);
  const firstTime = file.parser.json.asset.extras.first_time_s;
  const [clip] = file.animations;
  const mixer = new THREE.AnimationMixer(file.scene);
  const action = mixer.clipAction(clip);
  action.play();
  scene.add(file.scene);
  const meshes = { body: file.scene.getObjectByName("body"), skeleton: file.scene.getObjectByName("skeleton") };
  for (const mesh of Object.values(meshes)) mesh.frustumCulled = false; // its bounds are those at rest
  meshes.body.add(depthOf(THREE, meshes.body));
  const root = meshes.body.skeleton.bones[0];
  const last = new THREE.Vector3();

  const draw = () => renderer.render(scene, camera);
  const follow = () => {
    const moved = root.getWorldPosition(new THREE.Vector3()).sub(last);
    last.add(moved);
    controls.target.add(moved);
    camera.position.add(moved);
    controls.update();
  };
  const showAt = (time) => {
    action.time = Math.min(Math.max(time - firstTime, 0), clip.duration);
    mixer.update(0);
    file.scene.updateMatrixWorld(true);
    follow();
    draw();
  };
  const look = (x, z) => {
    controls.target.copy(last);
    camera.position.set(last.x + x, last.y + ABOVE_M, last.z + z);
    controls.update();
    draw();
  };
  const views = { side: () => look(0, DISTANCE_M), front: () => look(DISTANCE_M, 0) };
  const resize = () => {
    const width = canvas.clientWidth;
    const height = Math.min(Math.max(width * 0.5, 280), 480);
    renderer.setSize(width, height);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    draw();
  };

  showAt(currentTime === null ? firstTime : currentTime);
  views.side();
  resize();
  controls.addEventListener("change", draw);
  window.addEventListener("resize", resize);
  trial.addEventListener("time", (event) => showAt(event.detail));
  for (const button of view.querySelectorAll("[data-view]")) button.addEventListener("click", views[button.dataset.view]);
  for (const box of view.querySelectorAll("[data-mesh]")) {
    box.addEventListener("change", () => {
      meshes[box.dataset.mesh].visible = box.checked;
      draw();
    });
  }
}

if (view) {
  const button = view.querySelector("[data-open]");
  const status = view.querySelector("[data-status]");
  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = "loading";
    try {
      await open(await import("/static/three.js"));
      button.hidden = true;
      view.querySelector("[data-controls]").hidden = false;
      status.textContent = "";
    } catch (error) {
      button.disabled = false;
      status.textContent = `The 3D view cannot be shown: ${error.message}. It needs WebGL, and three.js from biopose assets pull.`;
    }
  });
}
